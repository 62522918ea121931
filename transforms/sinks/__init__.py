"""Where results go: the tables, the images, and the index of what is finished."""
