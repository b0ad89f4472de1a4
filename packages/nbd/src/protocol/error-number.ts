// The errors that a reply can carry (protocol: "Error values").

export const ErrorNumber = {
  EPERM: 1,
  EIO: 5,
  ENOMEM: 12,
  EINVAL: 22,
  ENOSPC: 28,
  EOVERFLOW: 75,
  ENOTSUP: 95,
  ESHUTDOWN: 108,
} as const;

export type ErrorNumber = (typeof ErrorNumber)[keyof typeof ErrorNumber];
