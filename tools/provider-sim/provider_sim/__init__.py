"""A provider to test with. It knows divert by its public contract alone: HTTP, webhooks, Kafka, JSON Schemas."""
