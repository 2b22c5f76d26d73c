"""The REST routes: a router a resource."""
