# What an edition says beside its entries.
