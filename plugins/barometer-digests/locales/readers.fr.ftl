# Subscribing and leaving.

readers-no-digest = Il n’y a pas encore de lettre à laquelle s’abonner. Revenez plus tard : elle sera proposée ici.

readers-offer = « { $title } » est la lettre envoyée par { $organisation } : les chiffres, les résultats des consultations, l’actualité et les événements à venir, { $rhythms ->
    [weekly] chaque semaine
    [monthly] chaque mois
   *[both] chaque semaine ou chaque mois
 }. Chaque ligne dit d’où elle vient.
readers-for-the-room = Ces choix valent pour tout le salon : chacun y lit la même lettre.
readers-offer-settings = Voici ce que { $where ->
    [room] le salon recevrait
   *[person] vous recevriez
 } (tout se change, avant comme après) :
readers-consent-wording = { $where ->
    [room] En abonnant ce salon, vous demandez à { $organisation } d’y envoyer « { $title } » au moment choisi. Un modérateur peut arrêter à tout moment avec /desabonner.
   *[person] En vous abonnant, vous acceptez que { $organisation } vous envoie « { $title } » ici, au moment choisi, et garde pour cela vos réglages. Vous pouvez arrêter à tout moment avec /desabonner, ou avec le mot STOP.
 }
readers-subscribe = { $where ->
    [room] Abonner ce salon
   *[person] Je m’abonne
 }
readers-choose-first = Choisir d’abord

readers-when = Quand : { $when }
readers-when-words = { $rhythm ->
    [monthly] chaque mois, le premier { $day } à { $hour }
   *[weekly] chaque { $day } à { $hour }
 }
readers-topics-chosen = Sujets : { $topics }
readers-topics-all = tous
readers-topics-gone = aucun, car ceux qui étaient choisis n’existent plus
readers-language = Langue : { $chosen ->
    [en] anglais
   *[fr] français
 }
readers-form = Version : { $chosen ->
    [full] complète, avec résumés et graphiques
   *[short] courte, une ligne par information
 }
readers-when-empty = S’il n’y a rien sur ces sujets : { $chosen ->
    [say_so] un message le dit
   *[stay_silent] aucun message
 }

readers-lead-outside = { $where ->
    [room] Ce salon n’est pas abonné à « { $title } ». Voici les réglages, à changer à votre goût avant de l’abonner.
   *[person] Vous n’êtes pas abonné(e) à « { $title } ». Voici vos réglages, à changer à votre goût avant de vous abonner.
 }
readers-lead-welcome = { $where ->
    [room] C’est fait : ce salon est abonné à « { $title } ».
   *[person] C’est fait : vous êtes abonné(e) à « { $title } ».
 }
readers-lead-already = { $where ->
    [room] Ce salon est déjà abonné à « { $title } ».
   *[person] Vous êtes déjà abonné(e) à « { $title } ».
 }
readers-lead-back = { $where ->
    [room] Ce salon est abonné de nouveau à « { $title } », avec les mêmes réglages.
   *[person] Vous êtes de nouveau abonné(e) à « { $title } », avec les mêmes réglages.
 }
readers-lead-how = { $where ->
    [room] Ce salon est abonné à « { $title } ».
   *[person] Vous êtes abonné(e) à « { $title } ».
 }
readers-lead-changed = C’est noté pour « { $title } ».
readers-next = Prochaine lettre : { $when }.
readers-rhythm-gone = { $rhythm ->
    [monthly] Il n’y a plus de lettre mensuelle : choisissez la lettre hebdomadaire pour continuer à la recevoir.
   *[weekly] Il n’y a plus de lettre hebdomadaire : choisissez la lettre mensuelle pour continuer à la recevoir.
 }
readers-latest = Lire la dernière lettre (nº { $number })

readers-choose-topics = Choisir les sujets
readers-choose-day = Changer de jour
readers-choose-hour = Changer d’heure
readers-choose-weekly = Recevoir chaque semaine
readers-choose-monthly = Recevoir chaque mois
readers-choose-fr = Recevoir en français
readers-choose-en = Recevoir en anglais
readers-choose-full = Version complète
readers-choose-short = Version courte
readers-choose-say-so = Me dire quand il n’y a rien
readers-choose-stay-silent = Aucun message quand il n’y a rien
readers-leave = Se désabonner
readers-settings-back = Retour
readers-topics-ask = Quels sujets ? Cochez ceux qui vous intéressent ; sans rien cocher, vous les recevez tous.
readers-choose-all-topics = Tous les sujets
readers-day-ask = { $rhythm ->
    [monthly] Quel jour ? La lettre du mois arrive le premier de ces jours dans le mois.
   *[weekly] Quel jour de la semaine ?
 }
readers-hour-ask = À quelle heure ? Les heures sont celles du fuseau { $zone }.
readers-hours-earlier = Plus tôt
readers-hours-later = Plus tard

readers-left = { $where ->
    [room] C’est fait : ce salon ne recevra plus « { $title } ».
   *[person] C’est fait : vous ne recevrez plus « { $title } ».
 }
readers-left-return = Pour revenir avec les mêmes réglages : « Annuler » ci-dessous, ou /abonner quand vous voudrez.
readers-come-back = Annuler
readers-not-subscribed = { $where ->
    [room] Ce salon n’est pas abonné à « { $title } ». Pour l’abonner, écrivez /abonner.
   *[person] Vous n’êtes pas abonné(e) à « { $title } ». Pour vous abonner, écrivez /abonner.
 }

readers-page-title = Ne plus recevoir « { $title } » ?
readers-page-ask = Vous ne recevrez plus « { $title } ». Rien n’est changé tant que vous n’avez pas appuyé sur le bouton.
readers-page-leave = Me désabonner
readers-page-instead = Pour la recevoir moins souvent ou sur moins de sujets, écrivez plutôt /abonnements dans la conversation où elle arrive.
readers-page-left-title = Vous êtes désabonné(e)
readers-page-left = Vous ne recevrez plus « { $title } ».
readers-page-left-then = Pour revenir, écrivez /abonner dans la conversation où elle arrivait : vos réglages sont gardés.
readers-page-room-title = Cette lettre est celle d’un salon
readers-page-room = « { $title } » arrive dans un salon, où tout le monde la lit.
readers-page-room-then = Pour l’arrêter, un modérateur du salon y écrit /desabonner.
readers-page-unknown-title = Ce lien ne mène nulle part
readers-page-unknown = Ce lien est incomplet, ou il n’est plus valable. Pour vous désabonner, écrivez /desabonner, ou le mot STOP, dans la conversation où la lettre arrive.
