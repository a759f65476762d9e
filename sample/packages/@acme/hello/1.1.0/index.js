export const hello = (name = 'world') => `hello, ${name}, from 1.1.0`
