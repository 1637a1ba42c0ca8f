"""Provider gateway: one provider's way in and out."""
