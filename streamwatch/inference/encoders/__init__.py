"""The encoders: one pass turns a batch of pictures into the maps that the heads read."""
