"""The quality model: network, training, evaluation, served forms."""
