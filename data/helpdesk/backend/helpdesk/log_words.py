"""The words of the worlds that the logs and golden runs are made in."""

from __future__ import annotations

from helpdesk.words import Pool, lines, words

LOG_POOL = Pool(
    evaluation=False,
    first=words(
        "maria james linda peter sofia david emma lucas nora felix clara simon julia oscar paula martin alice "
        "hugo diana victor elena tom irene bruno sara leo rosa karl vera max alma benno carla dorian elias "
        "frida georg hilda igor joana karim leila marek nina otto petra quentin rita samuel tilda ugo vivian "
        "walter xenia yusuf zora adele bjorn celine dennis erik flora gustav hannes ida jakob katja lars mona "
        "nils olga pascal romy stefan thea ulrich valerie wilma yara achim birgit"
    ),
    last=words(
        "lopez carter novak weber rossi silva meyer dubois larsen kowal brown fischer moreau costa bauer "
        "young jansen ricci torres blake hansen marino keller adams petit greco stone walsh berger lund abel "
        "barros conrad delgado engel farkas gruber horvat ivanov jung kraus lorenz mancini nolan olsen "
        "pereira quist romano sander tanaka ulmer vargas winter yilmaz zimmer arnold becker cruz duval evans "
        "fabian garcia huber isler jacobs koenig lehmann molina nagel ortega palmer quinn ritter santos thoma "
        "urban vidal wagner yorke zapata"
    ),
    staff=words(
        "Nadia Omar Priya Sven Chloe Ivan Grace Mateo Hanna Ravi Tessa Jonas Lena Marco Wendy Dario Agnes "
        "Bilal Carmen Dora Emil Fatou Goran Heidi Ines Jarek Kofi Lucia Milan Noemi Oskar Paolo Rania Soren "
        "Tariq Ursula Viktor Wanda Yannick Zoe"
    ),
    adjectives=words(
        "amber misty silver crimson gentle frosty golden velvet rapid quiet sunny wild copper lunar royal "
        "tiny noble coral brisk dusty ivory smoky polar rustic mellow ancient azure balmy bold brave bright "
        "bronze calm cheery chilly clever compact cozy curly dainty deep eager elegant fancy fluffy fresh "
        "glossy graceful grand handy hazel heavy hidden hollow icy jade keen lazy light lucky magic marble "
        "mighty modest narrow neat olive orange oval pale pearl plain polished proud pure purple quaint round "
        "ruby scented shiny silent sleek slim smooth snug soft solid spicy steady stout striped sturdy swift "
        "tall tender thick tidy turquoise upright violet warm white woolen yellow zesty"
    ),
    nouns=words(
        "kettle lamp chair basket mirror blanket clock guitar tent bottle drill pillow jacket camera helmet "
        "speaker table wallet candle ladder carpet kayak teapot shelf scarf apron barrel beaker bench binder "
        "bowl broom bucket cabinet cable canoe chessboard comb compass cooler cradle cup curtain desk dresser "
        "easel fan fork frame freezer funnel globe glove grill hammer hanger harp hatchet hook jar jug "
        "keyboard kite knife laptop lantern locker mat microscope monitor mug napkin notebook oven paddle pan "
        "pencil piano pipe pitcher plate puzzle racket radio rug ruler saddle sandal saw scale scooter shovel "
        "shower sink skateboard sponge spoon stool stove suitcase swing tablet telescope thermos towel toy "
        "tray tricycle tripod trolley trumpet tub vest violin watch whistle wrench"
    ),
    streets=words(
        "Mill Park Lake Hill Church River Garden Station Market Forest Castle Bridge Harbor Meadow Acorn Bay "
        "Canal Cedar Chapel College Court Ferry Field Fountain Gate Glen Granite Highland King Ladder Linden "
        "Mason Museum North Orchard Palace Pine Queen Ridge Sand School Spring Sunset Temple Tower Union "
        "Valley Willow"
    ),
    cities=words(
        "Lisbon Vienna Oslo Turin Lyon Porto Bremen Ghent Malmo Krakow Seville Bergen Graz Nantes Athens "
        "Bilbao Bologna Bordeaux Bruges Cologne Cork Coimbra Debrecen Dublin Essen Geneva Genoa Grenoble "
        "Hamburg Innsbruck Kiel Leipzig Lille Linz Luzern Madrid Marseille Milan Munich Naples Odense Orleans "
        "Padua Poznan Prague Riga Rotterdam Salzburg Tallinn Tampere Trieste Utrecht Valencia Verona Warsaw "
        "Zagreb"
    ),
    hosts=words(
        "acme orbit delta nimbus zenith harbor pixel cedar alpine beacon cobalt dynamo ember fjord garnet "
        "helix indium jasper"
    ),
    problems=lines(
        """
        arrived broken
        smells odd
        has a scratch
        stopped working
        is missing a part
        came in the wrong color
        makes a loud noise
        will not turn on
        is too small
        has a loose screw
        leaks a little
        was sent twice
        has a dent
        lost a screw
        squeaks all the time
        has faded
        does not fit
        tore on the first day
        gets too hot
        came without a cable
        is the wrong size
        has a stain
        wobbles a lot
        broke after a week
        arrived empty
        has a missing lid
        does not close
        is heavier than promised
        rusts already
        has a flat battery
        came too late
        shows an error
        """
    ),
    remarks=lines(
        """
        call back on friday
        waiting for photos
        customer is upset
        asked for a manager
        wants a new box
        spare part ordered
        prefers e-mail
        sent a video
        out of office till monday
        agreed to wait
        needs an answer today
        paid twice by mistake
        asked for an invoice copy
        moved last week
        will call again
        is on holiday
        prefers a replacement
        paid in cash
        lost the password
        wants an apology
        has two accounts
        sends a friend to collect
        complained before
        needs a translation
        is very patient
        wrote from abroad
        works night shifts
        asked about the warranty
        wants it as a gift
        needs a bigger size
        speaks only french
        found the missing part
        """
    ),
    problems_de=lines(
        """
        kam zerbrochen an
        riecht seltsam
        hat einen Kratzer
        geht nicht mehr
        hat die falsche Farbe
        wackelt stark
        passt nicht
        wurde doppelt geliefert
        ist zu klein
        macht Krach
        hat eine Delle
        ohne Kabel geliefert
        """
    ),
    problems_es=lines(
        """
        llegó roto
        huele raro
        tiene un arañazo
        dejó de funcionar
        vino en otro color
        se mueve mucho
        no encaja
        llegó dos veces
        es muy pequeño
        hace ruido
        tiene un golpe
        vino sin cable
        """
    ),
    remarks_de=lines(
        """
        am Freitag zurückrufen
        wartet auf Fotos
        möchte Ersatz
        ruft wieder an
        ist im Urlaub
        braucht heute Antwort
        spricht nur Englisch
        hat zwei Konten
        bestand auf Umtausch
        Paket steht beim Nachbarn
        """
    ),
    remarks_es=lines(
        """
        llamar el viernes
        espera unas fotos
        quiere un cambio
        volverá a llamar
        está de vacaciones
        necesita respuesta hoy
        solo habla inglés
        tiene dos cuentas
        pidió un regalo
        lo recoge un amigo
        """
    ),
)
