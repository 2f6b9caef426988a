"""What works together with other libraries, each in a module of its own."""
