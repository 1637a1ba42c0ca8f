"""Every fact that divert publishes, by the topic that it first stands on."""
