"""What the stage `evaluate` asks of cases, endpoints and models: one question a module; `parts` lists them."""
