//! Frozen classes of named values.

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyFrozenSet, PyTuple};

/// What a class made by [`record!`] is made of.
pub(crate) trait Record {
    const NAME: &'static str;
    const FIELDS: &'static [&'static str];

    /// In the order of [`FIELDS`](Self::FIELDS).
    fn values<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>>;

    /// As a dataclass has it: `Name(field=value)`.
    fn repr(&self, py: Python<'_>) -> PyResult<String> {
        let values = self.values(py)?;
        let fields = Self::FIELDS.iter().zip(values.iter_borrowed());
        let fields: Vec<_> = fields
            .map(|(field, value)| Ok(format!("{field}={}", value.repr()?)))
            .collect::<PyResult<_>>()?;
        Ok(format!("{}({})", Self::NAME, fields.join(", ")))
    }

    /// A dict, which cannot change here, counts by its items.
    fn hash(&self, py: Python<'_>) -> PyResult<isize> {
        let values = self.values(py)?.into_iter();
        let values = values.map(|value| match value.cast::<PyDict>() {
            Ok(dict) => Ok(PyFrozenSet::new(py, dict.items())?.into_any()),
            Err(_) => Ok(value),
        });
        let values: Vec<_> = values.collect::<PyResult<_>>()?;
        (Self::NAME, PyTuple::new(py, values)?)
            .into_pyobject(py)?
            .hash()
    }
}

/// Makes a class of the module `$module` that cannot be changed, with a property for each field,
/// `__match_args__`, `__eq__`, `__hash__` and `__repr__`; a struct and its `#[pymethods]`. With `new`
/// Python can make one of a value for each field, in their order unless a signature follows the name.
macro_rules! record {
    ($module:literal, $name:ident { $($field:ident: $type:ty),* $(,)? }) => {
        record!(@ $module, $name { $($field: $type),* } {});
    };
    (
        $module:literal, new $name:ident $(($($signature:tt)*))? { $($field:ident: $type:ty),* $(,)? }
    ) => {
        record!(@ $module, $name { $($field: $type),* } {
            #[new]
            $(#[pyo3(signature = ($($signature)*))])?
            #[allow(clippy::too_many_arguments, reason = "one for each field")]
            fn new($($field: $type),*) -> Self {
                Self { $($field),* }
            }
        });
    };
    (@ $module:literal, $name:ident { $($field:ident: $type:ty),* } { $($methods:tt)* }) => {
        #[pyo3::pyclass(frozen, get_all, module = $module)]
        pub(crate) struct $name {
            $(pub(crate) $field: $type,)*
        }

        impl $crate::record::Record for $name {
            const NAME: &'static str = stringify!($name);
            const FIELDS: &'static [&'static str] = &[$(stringify!($field)),*];

            fn values<'py>(
                &self,
                py: pyo3::Python<'py>,
            ) -> pyo3::PyResult<pyo3::Bound<'py, pyo3::types::PyTuple>> {
                let values: &[pyo3::Bound<'py, pyo3::PyAny>] =
                    &[$(pyo3::IntoPyObjectExt::into_bound_py_any(&self.$field, py)?),*];
                pyo3::types::PyTuple::new(py, values)
            }
        }

        #[pyo3::pymethods]
        impl $name {
            $($methods)*

            #[classattr]
            fn __match_args__(
                py: pyo3::Python<'_>,
            ) -> pyo3::PyResult<pyo3::Bound<'_, pyo3::types::PyTuple>> {
                pyo3::types::PyTuple::new(py, <Self as $crate::record::Record>::FIELDS)
            }

            fn __eq__(&self, py: pyo3::Python<'_>, other: &Self) -> pyo3::PyResult<bool> {
                use $crate::record::Record;
                pyo3::types::PyAnyMethods::eq(&*self.values(py)?, other.values(py)?)
            }

            fn __hash__(&self, py: pyo3::Python<'_>) -> pyo3::PyResult<isize> {
                $crate::record::Record::hash(self, py)
            }

            fn __repr__(&self, py: pyo3::Python<'_>) -> pyo3::PyResult<String> {
                $crate::record::Record::repr(self, py)
            }
        }
    };
}

pub(crate) use record;
