//! What can be wrong with a signature.

/// The error field of a TSIG record (RFC 8945 section 3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TsigRcode {
    /// BADSIG: the MAC is not that of the message.
    BadSig,
    /// BADKEY: the key is not known, or not by this algorithm.
    BadKey,
    /// BADTIME: the message was signed too long ago, or will be.
    BadTime,
    /// BADTRUNC: the MAC is shorter than we accept.
    BadTrunc,
}

impl TsigRcode {
    /// The number in the message.
    #[must_use]
    pub const fn code(self) -> u16 {
        match self {
            Self::BadSig => 16,
            Self::BadKey => 17,
            Self::BadTime => 18,
            Self::BadTrunc => 22,
        }
    }

    /// The name in the registry.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::BadSig => "BADSIG",
            Self::BadKey => "BADKEY",
            Self::BadTime => "BADTIME",
            Self::BadTrunc => "BADTRUNC",
        }
    }

    /// The error with this number.
    pub(super) const fn from_code(code: u16) -> Option<Self> {
        match code {
            16 => Some(Self::BadSig),
            17 => Some(Self::BadKey),
            18 => Some(Self::BadTime),
            22 => Some(Self::BadTrunc),
            _ => None,
        }
    }
}

/// Why the reply of another server is not believed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TsigError {
    /// The octets are no message, or its TSIG record is none.
    #[error("the message or its TSIG record is malformed")]
    Malformed,
    /// A message that must be signed is not.
    #[error("the message is not signed")]
    Unsigned,
    /// Signed with another key, or by another algorithm.
    #[error("the message is signed with another key or algorithm")]
    OtherKey,
    /// The MAC is not that of the message.
    #[error("the signature is wrong")]
    BadSignature,
    /// The message was signed too long ago, or will be.
    #[error("the message was signed at {signed} s since 1970, and our clock says {now} s: compare the clocks")]
    BadTime {
        /// When it was signed, in seconds since 1970.
        signed: u64,
        /// Our time, in seconds since 1970.
        now: u64,
    },
    /// More than 99 messages in a row without a signature (RFC 8945 section 5.3.1).
    #[error("too many messages in a row are not signed")]
    TooManyUnsigned,
    /// The other server does not accept our signature. It says so unsigned, unless the error is BADTIME or BADTRUNC.
    #[error("the server refuses our signature: {}", .0.map_or("an unknown TSIG error", TsigRcode::as_str))]
    Refused(Option<TsigRcode>),
}
