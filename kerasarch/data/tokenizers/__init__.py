"""Tokenizers: texts to token numbers and back, behind one interface. No Keras and no TensorFlow here."""

from kerasarch.data.tokenizers.byte_tokenizer import ByteTokenizer
from kerasarch.data.tokenizers.character_tokenizer import CharacterTokenizer
from kerasarch.data.tokenizers.loading import load_tokenizer
from kerasarch.data.tokenizers.marian_tokenizer import MarianTokenizer
from kerasarch.data.tokenizers.piece_tokenizer import PieceTokenizer
from kerasarch.data.tokenizers.sentence_piece_tokenizer import SentencePieceTokenizer
from kerasarch.data.tokenizers.tokenizer import Tokenizer

__all__ = [
    "ByteTokenizer",
    "CharacterTokenizer",
    "MarianTokenizer",
    "PieceTokenizer",
    "SentencePieceTokenizer",
    "Tokenizer",
    "load_tokenizer",
]
