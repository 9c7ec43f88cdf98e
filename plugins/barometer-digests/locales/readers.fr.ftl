# Subscribing and leaving.
