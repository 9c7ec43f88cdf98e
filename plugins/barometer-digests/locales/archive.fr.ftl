# The public archive.

archive-skip = Aller au contenu
archive-other-language = English version
archive-feed = Flux Atom de la lettre
archive-feed-title = La lettre – { $organisation }

archive-list-title = Archives de la lettre
archive-list-lead = Chaque édition publiée reste ici, telle qu’elle a été envoyée.
archive-list-published = n° { $number }, publiée le { $day }
archive-list-corrected = corrigée le { $day }
archive-list-empty = Aucune édition n’a encore été publiée.
archive-list-foot = Pour la recevoir, écrivez /abonner au robot sur votre messagerie.

archive-published = Édition n° { $number }, publiée le { $day }.
archive-corrections = Corrections
archive-corrections-note = L’édition ci-dessous est restée telle qu’elle a été envoyée.
archive-before = auparavant
archive-table = Voir les valeurs en tableau
archive-cancelled = Annulé

archive-method = Comment cette édition a été faite
archive-window = Elle porte sur ce qui a été vu du { $from } au { $until }.
archive-definition = Elle a été préparée avec la version { $version } du fichier de la lettre.
archive-sources = Sources
archive-source = Source
archive-query = Ce qui a été demandé
archive-entries = Éléments
archive-state = État
archive-query-all = tout ce qu’elle publie
archive-state-read = lue le { $moment }
archive-state-failing = en panne lors de la préparation, lue pour la dernière fois le { $moment }
archive-state-never = en panne lors de la préparation, jamais lue
archive-state-own = tenu ici
archive-state-unasked = pas encore lue
archive-check = Vérifier cette édition
archive-hash = Empreinte SHA-256 de l’édition envoyée :
archive-check-how = Cette commande doit afficher la même empreinte :
archive-json = L’édition en JSON
archive-back = Toutes les éditions
