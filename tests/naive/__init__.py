"""The slow and obvious recomputation, straight from the contract, that the services are held against."""
