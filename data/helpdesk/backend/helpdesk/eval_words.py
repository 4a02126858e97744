"""The words of the worlds that evaluation tasks are made in."""

from __future__ import annotations

from helpdesk.words import Pool, lines, words

EVAL_POOL = Pool(
    evaluation=True,
    first=words("anton beatrice cyril dolores edgar fiona gordon helga isaac judith kevin lorena"),
    last=words("abbott castillo dvorak ericson fontana gallo hoffman ibarra johansson kramer lindqvist mercer"),
    staff=words("Amira Boris Celia Dmitri Elsa Farid Gita Henrik"),
    adjectives=words("scarlet breezy cosmic daring emerald floral humble indigo jolly lively"),
    nouns=words("bicycle toaster umbrella backpack hammock printer cushion vase heater sofa"),
    streets=words("Abbey Birch Cliff Dove Elm Falcon Grove Holly"),
    cities=words("Antwerp Basel Cardiff Dresden Espoo Florence Gdansk Haarlem"),
    hosts=words("quartz summit maple lagoon"),
    problems=lines(
        """
        fell apart
        has a crack
        does not charge
        is full of dust
        overheats quickly
        lost its label
        bends too easily
        came without a manual
        """
    ),
    remarks=lines(
        """
        lives abroad now
        expects a refund
        changed the phone number
        will visit the shop
        has an older model
        prefers to be texted
        lost the receipt
        sent back the box
        """
    ),
    problems_de=lines(
        """
        ist auseinandergefallen
        hat einen Riss
        lädt nicht
        ist voller Staub
        wird sehr warm
        """
    ),
    problems_es=lines(
        """
        se deshizo
        tiene una grieta
        no carga
        está lleno de polvo
        se calienta mucho
        """
    ),
    remarks_de=lines(
        """
        wohnt jetzt im Ausland
        erwartet Geld zurück
        hat eine neue Nummer
        kommt im Laden vorbei
        """
    ),
    remarks_es=lines(
        """
        vive ahora fuera
        espera el reembolso
        cambió de número
        pasará por la tienda
        """
    ),
)
