"""What every test may ask for. One file per concern, so that a fixture is found where its subject is."""

pytest_plugins = ["pgdurable_pytest", "pytester", "tests.fixtures.nursery", "tests.fixtures.postgres"]
