// What the engine reports while it works. Owns the shape only; metrics, tracing and progress are
// consumers, and an observer that throws is a bug of the caller.

export interface Observer {
  /** Guest bytes handed to a caller. */
  guestRead?(event: { readonly offset: number; readonly length: number }): void;
  /** One read of the image's (or a layer's) file. */
  hostRead?(event: {
    readonly offset: number;
    readonly length: number;
    readonly purpose: "metadata" | "data";
  }): void;
  /** A metadata table was found in the cache, or had to be read. */
  cacheLookup?(event: { readonly hit: boolean }): void;
}
