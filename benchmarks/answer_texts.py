"""Answers to put in the place of a logged one: a success, a failure, and what has nothing to do with the run."""

DONE = (
    "Done.", "Done, it worked.", "All set!", "That worked.", "It has been taken care of.", "I have completed "
    "that for you.",
    "Erledigt.", "Das hat geklappt.", "C'est fait.", "Voil\u00e0, c'est fait.", "Hecho.", "Listo, ya est\u00e1.",
)  # fmt: skip
SORRY = (
    "Sorry, that did not work.", "Unfortunately this failed.", "I was not able to do that.",
    "I couldn't complete your request.",
    "An error occurred, please try again later.", "Leider hat das nicht geklappt.", "Das ist leider nicht "
    "m\u00f6glich.",
    "D\u00e9sol\u00e9, cela n'a pas fonctionn\u00e9.", "Lo siento, no he podido hacerlo.", "Lamentablemente no "
    "es posible.",
)  # fmt: skip
ELSEWHERE = (
    "The weather in Porto stays mild this week.", "Our canteen serves lentil soup today.", "The capital of Peru "
    "is Lima.",
    "Die Bibliothek \u00f6ffnet morgen um neun.", "Le mus\u00e9e ferme le lundi.", "El concierto empieza tarde.",
)  # fmt: skip
