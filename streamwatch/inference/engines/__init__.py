"""Ways to run an encoder: plain torch, compiled torch, OpenVINO, a CUDA graph; and which one serves best here."""
