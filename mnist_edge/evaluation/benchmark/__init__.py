"""What reading digits takes on this machine: time, memory and heat. Nothing here prints."""
