"""How people greet, thank and chat in English, around a request (@)."""

MANNERS = (
    "@", "@", "Hi, @", "Hello, @", "Please: @", "Quick one: @", "@ Thanks.", "@ Thank you.", "Next: @",
    "@ It is urgent.", "Good morning. @", "Ok, @", "@ Cheers.", "Hi there! @", "Good day. @", "Morning! @",
    "Another thing: @", "And this: @", "@ Many thanks.", "I need help. @", "A small request: @", "Dear desk, @",
    "So, @", "@ Best regards.", "Good afternoon. @",
)  # fmt: skip
SMALL_TALK = (
    "Sorry to bother you again on such a busy day.",
    "I have somebody on the phone who is getting impatient.",
    "My screen froze, so I am writing instead of clicking.",
    "It is my first week here, bear with me.",
    "The boss is standing right behind me.",
    "I was just about to go for lunch, one thing before that.",
    "You helped me so well last time, so here I am again.",
    "We have a small mess down here.",
)
HELD_MANNERS = ("@", "@", "Hey, @", "Good evening. @", "@ Much appreciated.", "One more: @", "@ Bye.")
HELD_SMALL_TALK = (
    "The till is down and the queue is long today.",
    "I promised somebody an answer before five.",
    "Long day, but this has to be done.",
)
