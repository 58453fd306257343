//! The functions as the model is told of them.

use serde_json::{Value, json};

use crate::agent::Tool;

/// The definitions of `tools`, in the form of a session's `tools`.
pub(crate) fn all(tools: &[Tool]) -> Value {
    tools.iter().map(definition).collect()
}

/// What the model calls the function.
pub(super) fn name(tool: &Tool) -> &str {
    match tool {
        Tool::Webhook { name, .. } => name,
        built_in => kind(built_in),
    }
}

/// The sort of function, for figures.
pub(super) fn kind(tool: &Tool) -> &'static str {
    match tool {
        Tool::GetSlots => "get_slots",
        Tool::BookSlot => "book_slot",
        Tool::GetPricing => "get_pricing",
        Tool::HangUp => "hang_up",
        Tool::TransferCall { .. } => "transfer_call",
        Tool::Webhook { .. } => "webhook",
    }
}

fn definition(tool: &Tool) -> Value {
    let (description, parameters) = match tool {
        Tool::GetSlots => (
            "Looks up free appointments. Call it before you offer any time, and offer only times that it gave, \
             two or three at once. It also tells today's date, so call it when the caller says 'tomorrow' or \
             'next week' and you do not know the date. Without arguments it gives the next free ones.",
            object(
                json!({
                    "date": {
                        "type": "string",
                        "description": "One day only, as YYYY-MM-DD. Leave out if the caller named no date.",
                    },
                    "weekday": {
                        "type": "string",
                        "enum": WEEKDAYS,
                        "description": "Only such days. Leave out together with `date`.",
                    },
                    "period": {
                        "type": "string",
                        "enum": ["morning", "afternoon", "evening"],
                        "description": "Before 12:00, from 12:00 to 17:00, or later.",
                    },
                    "limit": {
                        "type": "integer",
                        "minimum": 1,
                        "maximum": 10,
                        "description": "At most so many; 3 if left out.",
                    },
                }),
                &[],
            ),
        ),
        Tool::BookSlot => (
            "Books one appointment for the caller. Call it only after the caller has agreed to the day and time \
             and told their name; repeat both to them first. If it answers with an error, the appointment is not \
             booked: say so and offer the alternatives it gives.",
            object(
                json!({
                    "slot_id": {
                        "type": "string",
                        "description": "`slot_id` of the appointment, exactly as get_slots gave it.",
                    },
                    "name": {
                        "type": "string",
                        "minLength": 1,
                        "maxLength": 100,
                        "description": "First and last name of the person who comes.",
                    },
                    "phone": {
                        "type": "string",
                        "description": "Number to call back, if it is not the one they call from.",
                    },
                    "note": {
                        "type": "string",
                        "maxLength": 500,
                        "description": "Why they come, in a few words, if they said so.",
                    },
                }),
                &["slot_id", "name"],
            ),
        ),
        Tool::GetPricing => (
            "Looks up what services cost. Never name a price that it did not give.",
            object(
                json!({
                    "query": {
                        "type": "string",
                        "maxLength": 200,
                        "description": "Words of the service, such as 'blood test'. Leave out for all prices.",
                    },
                }),
                &[],
            ),
        ),
        Tool::HangUp => (
            "Ends the call once what you have said was heard. Say goodbye first, and call it only when the caller \
             has nothing more to ask.",
            object(json!({}), &[]),
        ),
        Tool::TransferCall { .. } => (
            "Hands the caller over to a person, who then takes the call; you are off the line. Call it when the \
             caller asks for a person or you cannot help, after you have told the caller that you connect them.",
            object(json!({}), &[]),
        ),
        Tool::Webhook {
            description,
            parameters,
            ..
        } => (description.as_str(), parameters.clone()),
    };
    json!({
        "type": "function",
        "name": name(tool),
        "description": description,
        "parameters": parameters,
    })
}

fn object(properties: Value, required: &[&str]) -> Value {
    json!({
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": false,
    })
}

pub(super) const WEEKDAYS: [&str; 7] = [
    "monday",
    "tuesday",
    "wednesday",
    "thursday",
    "friday",
    "saturday",
    "sunday",
];
