"""The names of silver's rules, for commands without Spark; silver/rules.py has the rules."""

RULES = (
    "not_utf8",
    "not_json_object",
    "id_missing",
    "type_unknown",
    "timestamp_invalid",
    "timestamp_in_future",
    "field_wrong_type",
    "nombre_usuario_missing",
    "titulo_missing",
    "fecha_suscripcion_invalid",
    "clasificacion_unknown",
    "decada_invalid",
    "numero_temporadas_invalid",
    "numero_episodios_invalid",
    "episodes_fewer_than_seasons",
    "feedback_reference_missing",
    "action_unknown",
    "rating_out_of_range",
    "seconds_watched_invalid",
)
