"""How people greet, thank and chat in Spanish, around a request (@), and how they say the desk's values."""

MANNERS = (
    "@", "@", "Hola, @", "Buenas, @", "Por favor: @", "Una cosa: @", "@ Gracias.", "@ Muchas gracias.",
    "Buenos días. @", "@ Es urgente.", "Buen día. @", "Otra cosa: @", "Y esto: @", "Necesito ayuda. @", "@ Un saludo.",
)  # fmt: skip
SMALL_TALK = (
    "Perdona la molestia en un día así.",
    "Tengo a alguien al teléfono que se impacienta.",
    "Se me ha bloqueado la pantalla y por eso escribo.",
    "Es mi primera semana aquí.",
    "El jefe está justo detrás de mí.",
)
HELD_MANNERS = ("@", "@", "Oye, @", "Buenas tardes. @", "@ Te lo agradezco.", "Una más: @", "@ Adiós.")
HELD_SMALL_TALK = ("La caja no va y la cola es larga.", "He prometido una respuesta antes de las cinco.")

VALUES = {
    "monday": "lunes", "tuesday": "martes", "wednesday": "miércoles", "thursday": "jueves", "friday": "viernes",
    "saturday": "sábado", "morning": "por la mañana", "noon": "al mediodía", "evening": "por la tarde",
    "damaged": "dañado", "late": "tarde", "unwanted": "no deseado", "wrong": "equivocado",
    "low": "baja", "normal": "media", "high": "alta", "email": "correo", "sms": "SMS", "letter": "carta",
    "card": "tarjeta", "cash": "efectivo", "transfer": "transferencia", "fraud": "fraude",
    "chargeback": "contracargo", "abuse": "abuso", "intact": "intacto", "used": "usado", "broken": "roto",
    "refund": "reembolso", "exchange": "cambio", "repair": "reparación",
    "solved": "resuelto", "duplicate": "duplicado", "rejected": "rechazado",
    "first": "primero", "second": "segundo",
}  # fmt: skip
