# Editions and their editors.

## Why an operation did not run

refused-unknown-edition = Il n’y a pas d’édition n° { $number } : voyez la liste avec /editions.
refused-no-definition = Aucune lettre n’est encore définie : enregistrez d’abord son fichier avec « crieur digest set ».
refused-file = Le fichier n’est pas correct :
    { $problems }
refused-unchanged = Ce fichier est déjà celui qui est en vigueur : il n’y a rien à changer.
refused-no-weekly = Cette lettre n’a pas d’édition hebdomadaire : ajoutez [weekly] à son fichier, ou préparez celle du mois.
refused-no-monthly = Cette lettre n’a pas d’édition mensuelle : ajoutez [monthly] à son fichier, ou préparez celle de la semaine.
refused-period-taken = La période { $period } a déjà l’édition n° { $number } ({ $state }) : reprenez celle-là, ou passez-la d’abord.
refused-other-bytes = Cette empreinte n’est pas celle de l’édition n° { $number } à cette révision : relisez-la, l’empreinte est affichée avec elle.
refused-period-published = La période { $period } a déjà l’édition n° { $number } ({ $state }), et ce qui est publié ne se refait pas : corrigez-la, ou attendez la période suivante.
refused-changed = L’édition n° { $number } a changé entre-temps : vous avez vu la révision { $seen }, elle en est à la { $now }. Relisez-la, puis recommencez avec ce qu’elle est maintenant.
refused-is-draft = L’édition n° { $number } est encore un brouillon : modifiez-la, ou approuvez-la d’abord.
refused-is-approved = L’édition n° { $number } est approuvée et ne change plus : envoyez-la, passez-la ou ajoutez une correction.
refused-is-published = L’édition n° { $number } est déjà publiée : ce qui est faux se corrige par une ligne ajoutée.
refused-is-skipped = L’édition n° { $number } a été passée : préparez-en une autre pour sa période.
refused-unknown-entry = Cette édition n’a pas d’entrée { $key } : voyez ses entrées.
refused-unknown-candidate = Rien de ce qui peut être ajouté ne s’appelle { $key } : voyez ce qui peut l’être.
refused-full = Cette édition a déjà { $most } entrées, autant qu’une édition peut en avoir : retirez-en d’abord.
refused-at-the-end = Cette entrée est déjà au bout de sa rubrique.
refused-introduction = L’introduction ne convient pas : { $problem }
refused-no-words = Il manque le texte : écrivez au moins un mot.
refused-too-long = Le texte est trop long : { $most } signes au plus.

## States

state-draft = brouillon
state-approved = approuvée
state-sending = en cours d’envoi
state-sent = envoyée
state-skipped = passée

## The list

editions-heading = La lettre de l’observatoire
editions-none = Il n’y a pas encore d’édition.
editions-item = n° { $number }, { $period } : { $state }, { $entries ->
    [0] vide
    [one] une entrée
   *[other] { $entries } entrées
}
editions-button = N° { $number } · { $period } · { $state }
editions-draft-weekly = Préparer celle de la semaine
editions-draft-monthly = Préparer celle du mois
editions-older = Plus anciennes ({ $count })
editions-newer = Plus récentes
editions-all = Toutes les éditions

## One edition

edition-heading = N° { $number } · { $title }
edition-state = { $period }, { $state }, révision { $revision }
edition-window = Du { $from } au { $until }
edition-figures = { $count ->
    [one] un chiffre
   *[other] { $count } chiffres
}
edition-consultations = { $count ->
    [one] une consultation ou campagne
   *[other] { $count } consultations et campagnes
}
edition-news = { $count ->
    [one] une actualité
   *[other] { $count } actualités
}
edition-events = { $count ->
    [one] un rendez-vous
   *[other] { $count } rendez-vous
}
edition-contents = Contenu : { $counts }
edition-empty = Rien n’est dans cette édition : ajoutez une entrée, ou passez-la.
edition-introduction = Introduction : { $locales }
edition-no-introduction = Introduction : pas encore écrite
edition-failing = { $count ->
    [one] Une source ne répondait pas
   *[other] { $count } sources ne répondaient pas
} quand elle a été préparée : { $names }. Ce qui en venait avant y est.
edition-expected = { $count ->
    [0] Personne n’y est abonné
    [one] Pour une personne abonnée
   *[other] Pour { $count } personnes abonnées
}
edition-corrections = { $count ->
    [one] Une correction ajoutée
   *[other] { $count } corrections ajoutées
}
edition-stale = Ce bouton était d’une version plus ancienne : voici l’édition telle qu’elle est maintenant.
edition-drafted = L’édition est préparée.
edition-approved = L’édition est approuvée. Elle n’est pas encore envoyée.
edition-published = L’édition est publiée : chacun la reçoit à son heure.
edition-skipped = L’édition est passée : personne ne la reçoit.
edition-introduced = L’introduction est enregistrée.
edition-introduction-erased = L’introduction est effacée.
edition-entry-dropped = Retiré : { $entry }
edition-entry-added = Ajouté : { $entry }

edition-read = Lire
edition-preview = Aperçus
edition-introduce = Introduction
edition-entries = Entrées
edition-add = Ajouter
edition-approve = Approuver
edition-send = Envoyer
edition-skip = Passer
edition-back = ← L’édition

preview-ask = Dans quelle langue et sous quelle forme ? Ici, vous la voyez comme ce réseau la montre. Pour les réseaux côte à côte : crieur digest preview { $number } --networks
preview-full-fr = Français, longue
preview-short-fr = Français, courte
preview-full-en = Anglais, longue
preview-short-en = Anglais, courte
preview-plain-fr = Français, sans boutons ni images
preview-plain-en = Anglais, sans boutons ni images

introduction-none = Rien n’est encore écrit en { $language ->
    [fr] français
   *[other] anglais
}.
introduction-is = En { $language ->
    [fr] français
   *[other] anglais
} : { $words }
introduction-write-fr = Écrire en français
introduction-write-en = Écrire en anglais
introduction-erase-fr = Effacer le français
introduction-erase-en = Effacer l’anglais
introduction-ask = Écrivez maintenant l’introduction en { $language ->
    [fr] français
   *[other] anglais
}, en un message : 4 000 signes au plus. Le Markdown est compris : **important**, [lien](https://exemple.fr).

entries-heading = Entrées de l’édition n° { $number }
entries-none = Cette édition n’a pas d’entrée.
entries-further = Suite
entries-back = Retour
entry-drop = Retirer
entry-up = Monter
entry-down = Descendre
entry-all = ← Les entrées

candidates-heading = Ce qui peut être ajouté à l’édition n° { $number }
candidates-none = Il n’y a rien d’autre à ajouter : tout ce qui tombe dans sa période y est déjà.

entry-figure = Chiffre : { $title }
entry-consultation = Consultation : { $title }
entry-campaign = Campagne : { $title }
entry-news = { $title } ({ $source })
entry-event = Rendez-vous : { $title } ({ $source })

approve-ask = Approuver l’édition n° { $number } telle qu’elle est ? Empreinte { $hash }, révision { $revision }, { $counts }. Ensuite elle ne change plus.
counts-none = aucune entrée
approve-empty = Elle est vide : seules les personnes qui ont demandé à le savoir recevront un mot disant qu’il n’y a rien cette fois.
approve-sends = Elle sera publiée aussitôt, et chacun la recevra à son heure.
approve-keeps = Elle ne partira que quand vous l’enverrez.
approve-confirm = Oui, approuver
approve-cancel = Non, pas encore
send-ask = Publier l’édition n° { $number } ? Chacun la recevra à son heure ; elle ne peut pas être reprise.
send-confirm = Oui, publier
send-cancel = Non, pas encore
skip-ask = Pourquoi passer l’édition n° { $number } ? Écrivez la raison en une phrase : elle reste dans le dossier de l’édition. Sa période sera libre pour une autre.

editor-role = C’est réservé aux organisateurs.
editor-unknown-number = Écrivez le numéro d’une édition après la commande, par exemple : /editions 12

## What editors are told by themselves

told-draft = Le brouillon de la lettre est prêt.
told-draft-empty = La lettre de cette période est vide : rien ne sera envoyé si vous n’ajoutez rien.
told-approved = La lettre a été approuvée d’elle-même, comme le dit son fichier. Elle attend d’être envoyée.
told-published = La lettre a été approuvée d’elle-même, comme le dit son fichier, et elle part : chacun la reçoit à son heure.
told-open = Ouvrir l’édition
