//! People: who an identity provider's subject is here, and under which handle. Their devices: `device`.

use wickr_base::{Domain, Handle, HandleError, UnixMillis, UserId};

/// Who a person is at an identity provider; never changes (OpenID Connect Core section 5.7).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Subject {
    /// The provider's issuer URL, byte for byte.
    pub issuer: String,
    /// The `sub` claim.
    pub subject: String,
}

/// A person of the network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// Made here; stands in certificates.
    pub id: UserId,
    /// Who that is at the provider.
    pub subject: Subject,
    /// How others find this person; follows the provider's username claim.
    pub handle: Handle,
    /// When the person first signed in.
    pub created_at: UnixMillis,
}

/// What signing in does to the directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Enrolment {
    /// Nothing: known, under this handle.
    Known(User),
    /// A first sign-in: add this user.
    New(User),
    /// The provider has renamed the person: save this user.
    Renamed(User),
}

impl Enrolment {
    /// The user as it stands afterwards.
    pub fn user(&self) -> &User {
        match self {
            Self::Known(user) | Self::New(user) | Self::Renamed(user) => user,
        }
    }
}

/// Why a person who has signed in at the provider isn't let in.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EnrolmentRefusal {
    /// Two accounts of the provider claim one handle.
    #[error(
        "the handle \"{0}\" belongs to another account of this network; \
         have the administrator of the identity provider change one of the two usernames"
    )]
    HandleTaken(Handle),
}

/// Decides who `subject` is here, given who holds the subject and who holds the handle now.
pub fn enrol(
    subject: Subject,
    handle: Handle,
    by_subject: Option<User>,
    by_handle: Option<&User>,
    new_id: UserId,
    now: UnixMillis,
) -> Result<Enrolment, EnrolmentRefusal> {
    if by_handle.is_some_and(|holder| holder.subject != subject) {
        return Err(EnrolmentRefusal::HandleTaken(handle));
    }
    Ok(match by_subject {
        Some(user) if user.handle == handle => Enrolment::Known(user),
        Some(user) => Enrolment::Renamed(User { handle, ..user }),
        None => Enrolment::New(User { id: new_id, subject, handle, created_at: now }),
    })
}

/// The handle that a username claim means here: `alice`, or `alice@<this domain>`; another domain is refused.
pub fn handle_of(username: &str, domain: &Domain) -> Result<Handle, HandleError> {
    match username.rsplit_once('@') {
        Some((local, at)) if at.eq_ignore_ascii_case(domain.as_str()) => Handle::new(local, domain.clone()),
        _ => Handle::new(username, domain.clone()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wickr_base::SeededRng;

    fn subject(name: &str) -> Subject {
        Subject { issuer: "https://idp.example".to_owned(), subject: name.to_owned() }
    }

    fn handle(local: &str) -> Handle {
        Handle::new(local, "hq.example".parse().unwrap()).unwrap()
    }

    fn alice() -> User {
        User {
            id: UserId::random(&SeededRng::new(1)),
            subject: subject("a"),
            handle: handle("alice"),
            created_at: UnixMillis(1),
        }
    }

    fn fresh() -> UserId {
        UserId::random(&SeededRng::new(2))
    }

    #[test]
    fn a_known_subject_keeps_its_user_id_even_when_renamed() {
        let now = UnixMillis(9);
        let known = enrol(subject("a"), handle("alice"), Some(alice()), Some(&alice()), fresh(), now);
        assert_eq!(known, Ok(Enrolment::Known(alice())));
        let renamed = enrol(subject("a"), handle("ally"), Some(alice()), None, fresh(), now).unwrap();
        assert_eq!(renamed.user().id, alice().id);
        assert!(matches!(renamed, Enrolment::Renamed(_)));
    }

    #[test]
    fn a_handle_held_by_another_subject_is_refused_for_new_and_for_known_people() {
        for by_subject in [None, Some(User { subject: subject("b"), handle: handle("bob"), ..alice() })] {
            let refused =
                enrol(subject("b"), handle("alice"), by_subject, Some(&alice()), fresh(), UnixMillis(9));
            assert_eq!(refused, Err(EnrolmentRefusal::HandleTaken(handle("alice"))));
        }
    }

    #[test]
    fn the_same_subject_of_another_issuer_is_another_person() {
        let other = Subject { issuer: "https://other.example".to_owned(), subject: "a".to_owned() };
        let refused = enrol(other, handle("alice"), None, Some(&alice()), fresh(), UnixMillis(9));
        assert!(refused.is_err());
    }

    #[test]
    fn a_username_in_this_domain_is_a_handle_and_one_in_another_is_not() {
        let domain: Domain = "hq.example".parse().unwrap();
        assert_eq!(handle_of("Alice", &domain).unwrap(), handle("alice"));
        assert_eq!(handle_of("alice@HQ.example", &domain).unwrap(), handle("alice"));
        assert!(handle_of("alice@other.example", &domain).is_err());
    }
}
