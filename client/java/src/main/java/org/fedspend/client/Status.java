package org.fedspend.client;

/** What a call came to; the numbers are those of fedspend/client.h and never change. */
public enum Status {
  OK(0),
  INVALID_ARGUMENT(1),
  MALFORMED(2),
  NOT_FOUND(3),
  IO(4),
  UNAVAILABLE(5),
  UNAUTHORIZED(6),
  REFUSED(7),
  TIMEOUT(8),
  LIMIT(9),
  CONFLICT(10),
  INTERNAL(11),
  BUFFER_TOO_SMALL(12),
  /** Of a later library. */
  UNKNOWN(-1);

  final int code;

  Status(int code) {
    this.code = code;
  }

  static Status of(int code) {
    for (Status status : values()) if (status.code == code) return status;
    return UNKNOWN;
  }
}
