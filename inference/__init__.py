"""Language models: types, engines, the worker process and its supervisor."""
