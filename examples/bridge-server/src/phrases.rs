//! The few sentences that Twilio speaks for the server.

/// What is to be said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phrase {
    /// Nobody has this number.
    UnknownNumber,
    /// Whoever has it takes no calls.
    OutOfService,
    /// The model is lost for good.
    Trouble,
}

/// The sentence in `language`, a BCP 47 tag; in English, where no other is known.
pub(crate) fn phrase(what: Phrase, language: Option<&str>) -> &'static str {
    let language = language.unwrap_or_default();
    let primary = language.split('-').next().unwrap_or_default();
    let of = SENTENCES
        .iter()
        .find(|(known, _)| known.eq_ignore_ascii_case(primary));
    let sentences = of.map_or(&SENTENCES[0].1, |(_, sentences)| sentences);
    sentences[what as usize]
}

/// By language, in the order of [`Phrase`].
const SENTENCES: &[(&str, [&str; 3])] = &[
    (
        "en",
        [
            "The number you have dialled is not in service. Goodbye.",
            "This line takes no calls at the moment. Please try again later. Goodbye.",
            "I am sorry, we are having technical difficulties. Please call again later. Goodbye.",
        ],
    ),
    (
        "de",
        [
            "Die gewählte Nummer ist nicht vergeben. Auf Wiederhören.",
            "Dieser Anschluss nimmt zurzeit keine Anrufe an. Bitte versuchen Sie es später. Auf Wiederhören.",
            "Es tut mir leid, wir haben eine technische Störung. Bitte rufen Sie später wieder an. Auf Wiederhören.",
        ],
    ),
    (
        "fr",
        [
            "Le numéro que vous avez composé n'est pas attribué. Au revoir.",
            "Cette ligne ne prend pas d'appels pour le moment. Veuillez réessayer plus tard. Au revoir.",
            "Je suis désolé, nous rencontrons un problème technique. Veuillez rappeler plus tard. Au revoir.",
        ],
    ),
    (
        "es",
        [
            "El número que ha marcado no está en servicio. Adiós.",
            "Esta línea no atiende llamadas en este momento. Inténtelo más tarde. Adiós.",
            "Lo siento, tenemos un problema técnico. Vuelva a llamar más tarde. Adiós.",
        ],
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sentence_comes_in_the_agents_language_or_in_english() {
        let german = phrase(Phrase::Trouble, Some("de-CH"));
        assert!(german.starts_with("Es tut mir leid"));
        let english = phrase(Phrase::Trouble, None);
        assert!(english.starts_with("I am sorry"));
        assert_eq!(phrase(Phrase::Trouble, Some("xx")), english);
        assert_ne!(phrase(Phrase::UnknownNumber, Some("ES")), german);
    }
}
