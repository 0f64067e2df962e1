// Numbers from fields, or words about what is wrong with them.

/** A field holds something that cannot be asked for. */
export class FieldError extends Error {
  constructor(field, message) {
    super(message);
    this.field = field;
  }
}

/** The number in `field`; `name` begins the sentence that says what it must be. Throws FieldError. */
export function number(field, name, low, high, { whole = false, open = false } = {}) {
  const value = field.value.trim() === "" ? Number.NaN : Number(field.value.trim().replace(",", "."));
  const inside = open ? value > low && value <= high : value >= low && value <= high;
  if (!Number.isFinite(value) || !inside || (whole && !Number.isInteger(value))) {
    const range = open ? `above ${low} and at most ${high}` : `from ${low} to ${high}`;
    throw new FieldError(field, `${name} must be a ${whole ? "whole " : ""}number ${range}.`);
  }
  return value;
}
