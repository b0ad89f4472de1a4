// What an export can do, as its clients are told (protocol: "Transmission flags").

export const TransmissionFlag = {
  hasFlags: 1 << 0,
  readOnly: 1 << 1,
  flush: 1 << 2,
  fua: 1 << 3,
  rotational: 1 << 4,
  trim: 1 << 5,
  writeZeroes: 1 << 6,
  dontFragment: 1 << 7,
  multiConnection: 1 << 8,
  resize: 1 << 9,
  cache: 1 << 10,
  fastZero: 1 << 11,
  blockStatusPayload: 1 << 12,
} as const;
