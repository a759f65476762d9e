export const hello = (name = 'world') => `hello, ${name}, from 1.0.0`
