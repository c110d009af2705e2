"""Settings from the environment: limits (numbers, which workers read too), options (text), and how both are read."""
