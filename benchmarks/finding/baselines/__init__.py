"""Classical finders behind the protocol, with thresholds that they can know: of the marks' scores and the photo's."""
