"""The ways out: one module for each provider's protocol, all with the outcomes of `outcome`."""
