SELECT internal.settle_orphans()
