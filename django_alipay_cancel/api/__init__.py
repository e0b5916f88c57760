"""The REST routes: thin views over the services."""
