//! [`HeadError`]: every way in which bytes can fail to be an HTTP/1 message that everybody reads alike.

macro_rules! head_errors {
    ($($(#[$doc:meta])* $name:ident = $status:literal, $text:literal;)*) => {
        /// Why a message is refused.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum HeadError {
            $($(#[$doc])* $name,)*
        }

        impl HeadError {
            /// The status that a client is answered with; from an endpoint each of them is a 502.
            #[must_use]
            pub fn status(self) -> u16 {
                match self {
                    $(Self::$name => $status,)*
                }
            }

            /// A short name for records and metrics.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)*
                }
            }
        }
    };
}

head_errors! {
    /// A line that ends in LF without CR (RFC 9112, 2.2 allows it; smugglers live on it).
    BareLf = 400, "bare_lf";
    /// Not the grammar of a start line, or of a field (RFC 9112, 3 and 5).
    Syntax = 400, "syntax";
    /// A control character where none may be (RFC 9110, 5.5).
    Control = 400, "control_character";
    /// A field line that continues another (RFC 9112, 5.2).
    Folded = 400, "obs_fold";
    /// A target that is not of a form its method allows (RFC 9112, 3.2).
    Target = 400, "bad_target";
    /// No `Host`, more than one, or one that is not an authority (RFC 9112, 3.2).
    Host = 400, "bad_host";
    /// The authority of the target and `Host` disagree.
    HostMismatch = 400, "host_mismatch";
    /// `Content-Length` that is not one plain number (RFC 9112, 6.3).
    ContentLength = 400, "bad_content_length";
    /// `Transfer-Encoding` that is not exactly `chunked`, or in HTTP/1.0 (RFC 9112, 6.1).
    TransferEncoding = 400, "bad_transfer_encoding";
    /// Both `Content-Length` and `Transfer-Encoding` (RFC 9112, 6.3).
    TwoLengths = 400, "two_lengths";
    /// A chunk that is not framed as RFC 9112, 7.1 says.
    Chunk = 400, "bad_chunk";
    /// Not HTTP/1.0 or HTTP/1.1.
    Version = 505, "bad_version";
    /// The start line alone is longer than the limit.
    TargetTooLong = 414, "target_too_long";
    /// The head, or the trailers, are longer than the limit.
    HeadTooLarge = 431, "head_too_large";
    /// More fields than the limit.
    TooManyFields = 431, "too_many_fields";
}
