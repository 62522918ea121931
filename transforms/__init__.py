"""One verb a file over plain functions; rows, codes and errors beside them."""
