"""Programs and expressions that the sandbox and the calculator are tried with."""
