// Owns every limit that this package enforces, one constant each.
// Most are not in the specification but are what QEMU enforces: an image beyond them cannot have been made by it,
// and each bounds what a reader has to hold in memory.

/** Largest offset or length on disk: signed 64 bits. */
export const INT64_MAX = 2n ** 63n - 1n;

/** Smallest and largest cluster_bits: clusters of 512 bytes to 2 MiB. */
export const CLUSTER_BITS_MIN = 9;
export const CLUSTER_BITS_MAX = 21;

/** Subclusters in a cluster of an image with extended L2 entries. */
export const SUBCLUSTERS_PER_CLUSTER = 32;
/** Smallest cluster_bits with extended L2 entries: a subcluster has at least 512 bytes. */
export const EXTENDED_L2_CLUSTER_BITS_MIN = 14;

/** Bytes of the header of version 2; version 3 has a header_length field instead. */
export const HEADER_LENGTH_V2 = 72;
/** Smallest header_length of version 3. */
export const HEADER_LENGTH_V3_MIN = 104;
/** header_length of a version 3 header as written today: with the compression type, padded to 8 bytes. */
export const HEADER_LENGTH_V3 = 112;

/** Largest refcount_order: refcounts of 64 bits. */
export const REFCOUNT_ORDER_MAX = 6;
/** Largest refcount table, in bytes. */
export const REFCOUNT_TABLE_BYTES_MAX = 8 * 2 ** 20;

/** Largest crypt_method: 0 none, 1 legacy AES, 2 LUKS. */
export const CRYPT_METHOD_MAX = 2;
/** Largest compression type: 0 deflate, 1 zstd. */
export const COMPRESSION_TYPE_MAX = 1;

/** Largest L1 table, active or of a snapshot, in bytes. */
export const L1_TABLE_BYTES_MAX = 32 * 2 ** 20;
/** Largest L1 table, in entries. */
export const L1_TABLE_ENTRIES_MAX = L1_TABLE_BYTES_MAX / 8;

/** Host offsets in L1, L2 and bitmap table entries have this many bits. */
export const HOST_OFFSET_BITS = 56;
/** Unit of length in compressed cluster descriptors, in bytes. */
export const COMPRESSED_SECTOR_BYTES = 512;

/** Largest number of internal snapshots. */
export const SNAPSHOTS_MAX = 65536;
/** Largest extra data of a snapshot table entry, in bytes. */
export const SNAPSHOT_EXTRA_DATA_BYTES_MAX = 1024;
/** Largest snapshot table, in bytes. */
export const SNAPSHOT_TABLE_BYTES_MAX = 1024 * SNAPSHOTS_MAX;

/** Longest name of a backing file, in bytes. */
export const BACKING_FILE_NAME_BYTES_MAX = 1023;
/** Longest name of a backing file's format, in bytes. */
export const BACKING_FORMAT_BYTES_MAX = 15;

/** Largest number of bitmaps. */
export const BITMAPS_MAX = 65535;
/** Largest bitmap directory, in bytes: 64 MiB - 1 KiB. */
export const BITMAP_DIRECTORY_BYTES_MAX = 1024 * BITMAPS_MAX;
/** Longest name of a bitmap, in bytes. The shortest has 1. */
export const BITMAP_NAME_BYTES_MAX = 1023;
/** Smallest and largest granularity_bits: one bit stands for 512 bytes to 2 GiB. */
export const BITMAP_GRANULARITY_BITS_MIN = 9;
export const BITMAP_GRANULARITY_BITS_MAX = 31;
/** Largest bitmap table, in entries. */
export const BITMAP_TABLE_ENTRIES_MAX = 0x8000000;
/** Largest bitmap, in bytes of its clusters. */
export const BITMAP_BYTES_MAX = 0x20000000;

/** Largest LUKS master key that is accepted, in bytes. */
export const LUKS_KEY_BYTES_MAX = 512;
