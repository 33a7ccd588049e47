"""What the stage `evaluate` asks of a group of cases, an endpoint, a model: one question a module; `parts` lists them."""
