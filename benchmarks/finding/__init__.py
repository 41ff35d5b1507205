"""How a finder is judged: a person of rules marks, a finder finds, and truth that it never saw says how well."""
