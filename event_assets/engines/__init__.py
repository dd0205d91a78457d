"""What runs the transforms: for each engine how its frames are scanned and computed, and the ports it lends them."""
