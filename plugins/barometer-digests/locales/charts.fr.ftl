# Beside the pictures of figures.

charts-edition = Édition { $edition }
charts-everybody = Ensemble
charts-data = Données : { $dataset }, version { $version }
