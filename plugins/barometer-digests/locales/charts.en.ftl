# Beside the pictures of figures.

charts-edition = { $edition } edition
charts-everybody = All
charts-data = Data: { $dataset }, version { $version }
