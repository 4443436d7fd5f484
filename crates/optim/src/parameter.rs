//! What is trained: named tensors with a role, a group and a freeze mask.

use serde::{Deserialize, Serialize};

use crate::{Error, NormSpec, Result};

/// What a parameter does in its model; decides its norm and who updates it.
#[derive(Clone, Debug, PartialEq, Default, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Role {
    /// A hidden matrix, d_out×d_in (the default).
    #[default]
    Linear,
    /// A table whose columns are looked up, d_out×vocabulary.
    Embedding,
    /// The last matrix before the loss, d_out×d_in.
    Head,
    /// Convolution kernels, `[d_out, d_in, k, k]`.
    Conv2d,
    /// Biases and gains.
    Vector,
    /// Anything else, with its own norm.
    Custom(NormSpec),
}

/// One parameter.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ParameterSpec {
    /// Unique name; errors and saved states use it.
    pub name: String,
    /// Its shape.
    pub shape: Vec<usize>,
    /// What it does.
    pub role: Role,
    /// Name of its [`Group`], if it is in one.
    pub group: Option<String>,
    /// A frozen parameter leaves the optimiser: it has no state, its gradient
    /// is not read and it does not enter any norm.
    pub frozen: bool,
}

impl ParameterSpec {
    /// A trained parameter; of role [`Role::Vector`] if it has at most one axis,
    /// else [`Role::Linear`].
    #[must_use]
    pub fn new(name: impl Into<String>, shape: &[usize]) -> Self {
        Self {
            name: name.into(),
            shape: shape.to_vec(),
            role: if shape.len() <= 1 {
                Role::Vector
            } else {
                Role::Linear
            },
            group: None,
            frozen: false,
        }
    }

    /// With this role.
    #[must_use]
    pub fn role(mut self, role: Role) -> Self {
        self.role = role;
        self
    }

    /// In this group.
    #[must_use]
    pub fn group(mut self, group: impl Into<String>) -> Self {
        self.group = Some(group.into());
        self
    }

    /// Frozen or not.
    #[must_use]
    pub fn frozen(mut self, frozen: bool) -> Self {
        self.frozen = frozen;
        self
    }
}

/// Options shared by parameters.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Group {
    /// Its name.
    pub name: String,
    /// Multiplies the method's rate.
    pub rate: f64,
    /// Replaces the method's weight decay.
    pub weight_decay: Option<f64>,
}

impl Group {
    /// A group with the method's own rate and decay.
    #[must_use]
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            rate: 1.0,
            weight_decay: None,
        }
    }

    /// The rate's multiplier.
    #[must_use]
    pub fn rate(mut self, rate: f64) -> Self {
        self.rate = rate;
        self
    }

    /// The weight decay of its parameters.
    #[must_use]
    pub fn weight_decay(mut self, weight_decay: f64) -> Self {
        self.weight_decay = Some(weight_decay);
        self
    }
}

/// All parameters of a model, in the order they are given to every step.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Registry {
    parameters: Vec<ParameterSpec>,
    groups: Vec<Group>,
}

impl Registry {
    /// No parameters.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a parameter at the end.
    ///
    /// # Errors
    /// [`Error::DuplicateParameter`]; [`Error::UnknownGroup`] if its group is
    /// not added yet.
    pub fn add(&mut self, parameter: ParameterSpec) -> Result<&mut Self> {
        if self
            .parameters
            .iter()
            .any(|known| known.name == parameter.name)
        {
            return Err(Error::DuplicateParameter {
                name: parameter.name,
            });
        }
        if let Some(group) = &parameter.group
            && !self.groups.iter().any(|known| known.name == *group)
        {
            return Err(Error::UnknownGroup {
                parameter: parameter.name.clone(),
                group: group.clone(),
                known: self.groups.iter().map(|group| group.name.clone()).collect(),
            });
        }
        self.parameters.push(parameter);
        Ok(self)
    }

    /// Adds a group, or replaces the one of its name.
    ///
    /// # Errors
    /// [`Error::Option`] for a rate or decay that is negative or not finite.
    pub fn add_group(&mut self, group: Group) -> Result<&mut Self> {
        crate::error::require_not_negative("group", "rate", group.rate)?;
        if let Some(decay) = group.weight_decay {
            crate::error::require_not_negative("group", "weight_decay", decay)?;
        }
        self.groups.retain(|known| known.name != group.name);
        self.groups.push(group);
        Ok(self)
    }

    /// Freezes the parameters `mask` says yes to, and thaws the others.
    pub fn freeze(&mut self, mask: impl Fn(&ParameterSpec) -> bool) -> &mut Self {
        for parameter in &mut self.parameters {
            parameter.frozen = mask(parameter);
        }
        self
    }

    /// The parameters in order.
    #[must_use]
    pub fn parameters(&self) -> &[ParameterSpec] {
        &self.parameters
    }

    /// Elements of all parameters, and of those that are trained.
    #[must_use]
    pub fn counts(&self) -> (usize, usize) {
        let count = |keep: fn(&&ParameterSpec) -> bool| {
            let kept = self.parameters.iter().filter(keep);
            kept.map(|p| p.shape.iter().product::<usize>()).sum()
        };
        (count(|_| true), count(|p| !p.frozen))
    }

    /// An error unless there is one of `what` for every parameter.
    pub(crate) fn check_count(&self, what: &'static str, found: usize) -> Result<()> {
        let expected = self.parameters.len();
        if found == expected {
            return Ok(());
        }
        Err(Error::Count {
            what,
            found,
            expected,
        })
    }

    /// Positions of the trained parameters.
    pub(crate) fn trained(&self) -> impl Iterator<Item = usize> + '_ {
        (0..self.parameters.len()).filter(|&i| !self.parameters[i].frozen)
    }

    /// The rate's multiplier and the weight decay of a parameter.
    pub(crate) fn options(&self, parameter: &ParameterSpec) -> (f64, Option<f64>) {
        let group = parameter.group.as_ref();
        let group = group.and_then(|name| self.groups.iter().find(|group| group.name == *name));
        group.map_or((1.0, None), |group| (group.rate, group.weight_decay))
    }
}
