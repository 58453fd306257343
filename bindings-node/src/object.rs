//! Objects of the discriminated unions: a `type`, and members.

use std::time::Duration;

use napi::bindgen_prelude::*;
use trunkline::JsonStr;

use crate::buffer::new_string;
use crate::number::to_ms;

/// An object in the making.
pub(crate) struct Fields {
    env: Env,
    object: Object<'static>,
}

impl Fields {
    pub(crate) fn new(env: Env) -> Result<Self> {
        // The object is used up in the call that it is made in; nothing ties it to `env`.
        let object = Object::new(&env)?;
        Ok(Self { env, object })
    }

    pub(crate) fn of_type(env: Env, kind: &str) -> Result<Self> {
        Self::new(env)?.text("type", kind)
    }

    pub(crate) fn text(self, name: &str, value: &str) -> Result<Self> {
        let value = new_string(self.env, value)?;
        self.set(name, value)
    }

    pub(crate) fn json(self, name: &str, value: JsonStr<'_>) -> Result<Self> {
        match value.as_plain() {
            Some(plain) => self.text(name, plain),
            None => self.text(name, &value.chars().collect::<String>()),
        }
    }

    pub(crate) fn json_or_null(self, name: &str, value: Option<JsonStr<'_>>) -> Result<Self> {
        match value {
            Some(value) => self.json(name, value),
            None => self.set(name, Null),
        }
    }

    pub(crate) fn number(self, name: &str, value: u64) -> Result<Self> {
        self.set(name, value as f64)
    }

    pub(crate) fn number_or_null(self, name: &str, value: Option<u64>) -> Result<Self> {
        match value {
            Some(value) => self.number(name, value),
            None => self.set(name, Null),
        }
    }

    pub(crate) fn ms(self, name: &str, value: Duration) -> Result<Self> {
        self.set(name, to_ms(value))
    }

    pub(crate) fn ms_or_null(self, name: &str, value: Option<Duration>) -> Result<Self> {
        match value {
            Some(value) => self.ms(name, value),
            None => self.set(name, Null),
        }
    }

    pub(crate) fn set<T: ToNapiValue>(mut self, name: &str, value: T) -> Result<Self> {
        self.object.set_named_property(name, value)?;
        Ok(self)
    }

    pub(crate) fn build(self) -> Unknown<'static> {
        self.object.to_unknown()
    }
}
