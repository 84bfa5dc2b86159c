//! Paths of fields, such as `spec.containers[0].image` or `metadata.labels[a.b/c]`.

use std::fmt;

/// A path that grows and shrinks as a value is walked.
#[derive(Debug, Clone, Default)]
pub struct Path {
    text: String,
}

impl Path {
    /// The root.
    pub fn root() -> Self {
        Self::default()
    }

    /// A path from its text.
    pub fn of(text: &str) -> Self {
        Self {
            text: text.to_owned(),
        }
    }

    /// The path of the field `name`.
    pub fn field(&self, name: &str) -> Self {
        if self.text.is_empty() {
            return Self::of(name);
        }
        Self {
            text: [self.text.as_str(), ".", name].concat(),
        }
    }

    /// The path of the item at `index`.
    pub fn index(&self, index: usize) -> Self {
        Self {
            text: [self.text.as_str(), "[", &index.to_string(), "]"].concat(),
        }
    }

    /// The path of the value at the free key `key`.
    pub fn key(&self, key: &str) -> Self {
        Self {
            text: [self.text.as_str(), "[", key, "]"].concat(),
        }
    }

    /// Calls `walk` with the path of the field `name`, without a copy.
    pub fn with_field<R>(&mut self, name: &str, walk: impl FnOnce(&mut Self) -> R) -> R {
        let length = self.text.len();
        if length > 0 {
            self.text.push('.');
        }
        self.text.push_str(name);
        let result = walk(self);
        self.text.truncate(length);
        result
    }

    /// Calls `walk` with the path of the item at `index`, without a copy of what there is.
    pub fn with_index<R>(&mut self, index: usize, walk: impl FnOnce(&mut Self) -> R) -> R {
        let length = self.text.len();
        self.text.extend(["[", &index.to_string(), "]"]);
        let result = walk(self);
        self.text.truncate(length);
        result
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl fmt::Display for Path {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

impl From<Path> for String {
    fn from(path: Path) -> Self {
        path.text
    }
}

impl From<&Path> for String {
    fn from(path: &Path) -> Self {
        path.text.clone()
    }
}
